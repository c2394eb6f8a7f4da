#include "clones.h"
#define T double
#define WIDE double
#define NAME(x) x##_f64
#define KNAME(x) kilpi_##x##_f64
#define ADDITION(u, v) ((u) + (v))
#define SUBTRACTION(u, v) ((u) - (v))
#define MULTIPLICATION(u, v) ((u) * (v))
#define DIVISION(u, v) ((u) / (v))
#define POWER(u, v) NAME(power)((u), (v))
#include "binary.inc"
