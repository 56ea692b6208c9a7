#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    size_t length = strlen(argv[1]);
    for (size_t at = length - 1; at > 0; at--) {
        putchar(argv[1][at]);
    }
    putchar('\n');
    return 0;
}
