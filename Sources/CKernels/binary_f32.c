#include "clones.h"
#define T float
#define WIDE double
#define NAME(x) x##_f32
#define KNAME(x) kilpi_##x##_f32
#define ADDITION(u, v) ((u) + (v))
#define SUBTRACTION(u, v) ((u) - (v))
#define MULTIPLICATION(u, v) ((u) * (v))
#define DIVISION(u, v) ((u) / (v))
#define POWER(u, v) NAME(power)((u), (v))
#include "binary.inc"
