/* The one dispatch over element types, a function for each row of the tables in CKernels.h. */
#include "clones.h"

#define DISPATCH(result, name, parameters, arguments)                                                \
  result kilpi_##name KILPI_TYPED parameters {                                                       \
    return type == KILPI_FLOAT32 ? kilpi_##name##_f32 arguments : kilpi_##name##_f64 arguments;      \
  }
KILPI_FLOAT_LOOPS(DISPATCH, void, double)
#undef DISPATCH

#define DISPATCH(result, name, parameters, arguments)                                                \
  result kilpi_##name KILPI_TYPED parameters {                                                       \
    switch (type) {                                                                                  \
      case KILPI_FLOAT32: return kilpi_##name##_f32 arguments;                                       \
      case KILPI_FLOAT64: return kilpi_##name##_f64 arguments;                                       \
      case KILPI_INT64: return kilpi_##name##_i64 arguments;                                         \
    }                                                                                                \
  }
KILPI_LOOPS(DISPATCH, void)
