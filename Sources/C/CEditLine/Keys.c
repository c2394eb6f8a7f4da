/* The keys behind the sequences that terminals send: many forms, few keys. */
#include "CEditLine.h"
#include <stdlib.h>
#include <string.h>

/* Modifiers as terminals count them: 1 more than these bits together. */
enum { SHIFT = 1, ALT = 2, CONTROL = 4 };

static void give(wchar_t *keys, const wchar_t *text) { wcscpy(keys, text); }

/* A key of the keyboard that has a character, with modifiers told apart (CSI u and its like). */
static void character_key(long code, int modifiers, wchar_t *keys) {
  size_t length = 0;
  if (code == 13 && modifiers != 0) { /* Enter with anything: a new line in any case */
    give(keys, L"\033\r");
    return;
  }
  if (code == 9 && modifiers != 0) return;
  if (code <= 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return;
  if (code >= 57344 && code <= 63743) return; /* keys without a character */
  if (modifiers & CONTROL) {
    if (code >= 'a' && code <= 'z') code &= 31;
    else if (code >= '@' && code <= '_') code &= 31;
    else return;
  }
  if (code > 127 && (modifiers & ALT)) return;
  if (modifiers & ALT) keys[length++] = 27;
  keys[length++] = (wchar_t)code;
  keys[length] = 0;
}

static void numbered_key(long number, int modifiers, wchar_t *keys) {
  switch (number) {
    case 1: case 7: give(keys, L"\033[H"); break;
    case 3: give(keys, modifiers & (ALT | CONTROL) ? L"\033[3;5~" : L"\033[3~"); break;
    case 4: case 8: give(keys, L"\033[F"); break;
    case 5: give(keys, L"\033[5~"); break;
    case 6: give(keys, L"\033[6~"); break;
    case 200: give(keys, L"\033[200~"); break;
    case 201: give(keys, L"\033[201~"); break;
    default: break; /* Insert, F1 to F20 */
  }
}

/* Keypad keys in application mode. */
static void keypad_key(char final, wchar_t *keys) {
  static const char from[] = "Mjklmnopqrstuvwxy", to[] = "\r*+,-./0123456789";
  const char *found = strchr(from, final);
  if (!found) return;
  keys[0] = (wchar_t)to[found - from];
  keys[1] = 0;
}

void kilpi_key_sequence(const char *sequence, bool alt, wchar_t keys[KILPI_SEQUENCE_SIZE]) {
  keys[0] = 0;
  size_t length = strlen(sequence);
  if (length < 2) return;
  char final = sequence[length - 1];
  long numbers[3] = {0, 0, 0};
  int count = 0;
  const char *place = sequence + 1;
  /* Marks in front of numbers, as of mice and answers, and behind them belong to no key. */
  for (const char *each = place; each < sequence + length - 1; each++)
    if (!strchr("0123456789;:", *each)) return;
  while (place < sequence + length - 1 && count < 3) {
    char *end;
    numbers[count++] = strtol(place, &end, 10);
    place = end;
    while (*place == ':' || (*place >= '0' && *place <= '9')) place++; /* other forms of the key */
    if (*place == ';') place++;
  }
  /* "O5C" has its modifier where "[1;5C" has the 1. */
  long modifier = count >= 2 ? numbers[1] : sequence[0] == 'O' && count == 1 ? numbers[0] : 1;
  int modifiers = modifier >= 1 && modifier <= 256 ? (int)modifier - 1 : 0;
  if (alt) modifiers |= ALT;
  bool words = modifiers & (ALT | CONTROL);
  switch (final) {
    case 'A': give(keys, L"\033[A"); return;
    case 'B': give(keys, L"\033[B"); return;
    case 'C': give(keys, words ? L"\033[1;5C" : L"\033[C"); return;
    case 'D': give(keys, words ? L"\033[1;5D" : L"\033[D"); return;
    case 'H': give(keys, L"\033[H"); return;
    case 'F': give(keys, L"\033[F"); return;
    case 'u':
      if (sequence[0] == '[' && count >= 1) character_key(numbers[0], modifiers, keys);
      return;
    case '~':
      if (numbers[0] == 27 && count == 3) character_key(numbers[2], modifiers, keys);
      else numbered_key(numbers[0], modifiers, keys);
      return;
    /* rxvt: Ctrl-arrows and Shift-arrows in small letters, keys with Ctrl end in ^ or @. */
    case 'a': if (sequence[0] == '[') { give(keys, L"\033[A"); return; } break;
    case 'b': if (sequence[0] == '[') { give(keys, L"\033[B"); return; } break;
    case 'c': if (count == 0) { give(keys, sequence[0] == 'O' ? L"\033[1;5C" : L"\033[C"); return; } break;
    case 'd': if (count == 0) { give(keys, sequence[0] == 'O' ? L"\033[1;5D" : L"\033[D"); return; } break;
    case '^': case '@': numbered_key(numbers[0], CONTROL, keys); return;
    case '$': numbered_key(numbers[0], SHIFT, keys); return;
    default: break;
  }
  if (sequence[0] == 'O' && count == 0) keypad_key(final, keys);
}
