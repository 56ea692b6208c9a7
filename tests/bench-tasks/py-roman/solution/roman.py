import sys

PARTS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
         (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def main():
    word = sys.argv[1] if len(sys.argv) == 2 else ""
    number = int(word) if word.isascii() and word.isdigit() else 0
    if not 1 <= number <= 3999:
        return 2
    text = ""
    for value, letters in PARTS:
        text += letters * (number // value)
        number %= value
    print(text)
    return 0


sys.exit(main())
