#include "clones.h"
#define T double
#define NAME(x) x##_f64
#define KNAME(x) kilpi_##x##_f64
#include "columns.inc"
