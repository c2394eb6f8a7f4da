#include "clones.h"
#define T float
#define NAME(x) x##_f32
#define KNAME(x) kilpi_##x##_f32
#include "columns.inc"
