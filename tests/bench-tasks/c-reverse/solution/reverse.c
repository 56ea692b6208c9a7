#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    for (size_t at = strlen(argv[1]); at > 0; at--) {
        putchar(argv[1][at - 1]);
    }
    putchar('\n');
    return 0;
}
