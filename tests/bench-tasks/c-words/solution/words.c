#include <stdio.h>

int main(void) {
    long count = 0;
    int within = 0;
    for (int byte = getchar(); byte != EOF; byte = getchar()) {
        int blank = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
        count += !blank && !within;
        within = !blank;
    }
    printf("%ld\n", count);
    return 0;
}
