/* Elementwise operations, one row each: code, value and, for functions of one operand, slope. Codes,
   loops and gradients come from these rows, so a row that lacks a part does not compile.
   T is the element type, MATH(x) the C library's function for it, NAME(x) one of functions.inc. */
#ifndef KILPI_OPERATIONS_H
#define KILPI_OPERATIONS_H

/* Functions f of one operand v. The slope is u * f'(v) for a gradient u, given f = f(v), too.
   FLOATS(code, value, slope)         float32 and float64
   FUSED(code, value, slope)          the same, and behind a linear layer, which keeps v alone: no f here
   ALL(code, value, slope, integers)  int64, too, where arithmetic wraps */
#define KILPI_UNARY(FLOATS, FUSED, ALL)                                                              \
  FUSED(IDENTITY, v, u)                                                                              \
  FUSED(RELU, v < 0 ? (T)0 : v, v > 0 ? u : (T)0)                                                    \
  FUSED(GELU, NAME(gelu)(v), u * NAME(gelu_slope)(v))                                                \
  FUSED(QUICK_GELU, NAME(quick_gelu)(v), u * NAME(quick_gelu_slope)(v))                              \
  FUSED(TANH_GELU, NAME(tanh_gelu)(v), u * NAME(tanh_gelu_slope)(v))                                 \
  FLOATS(EXP, NAME(fast_exp)(v), u * f)                                                              \
  FLOATS(LOG, MATH(log)(v), u / v)                                                                   \
  FLOATS(SQRT, (T)__builtin_elementwise_sqrt(v), u / ((T)2 * f))                                     \
  FLOATS(RSQRT, (T)1 / (T)__builtin_elementwise_sqrt(v), (T)-0.5 * u * f / v)                        \
  FLOATS(SIN, MATH(sin)(v), u * MATH(cos)(v))                                                        \
  FLOATS(COS, MATH(cos)(v), -u * MATH(sin)(v))                                                       \
  FLOATS(TANH, NAME(fast_tanh)(v), u * ((T)1 - f * f))                                               \
  FLOATS(SIGMOID, (T)1 / ((T)1 + NAME(fast_exp)(-v)), u * f * ((T)1 - f))                            \
  FLOATS(SOFTPLUS, (v > 0 ? v : (T)0) + MATH(log1p)(NAME(fast_exp)(v < 0 ? v : -v)),                 \
         u / ((T)1 + NAME(fast_exp)(-v)))                                                            \
  ALL(NEGATE, -v, -u, (int64_t)(0 - (uint64_t)v))                                                    \
  ALL(ABS, v < 0 ? -v : v == 0 ? (T)0 : v, v > 0 ? u : v < 0 ? -u : (T)0,                            \
      v < 0 ? (int64_t)(0 - (uint64_t)v) : v)                                                        \
  ALL(SQUARE, v * v, (T)2 * v * u, (int64_t)((uint64_t)v * (uint64_t)v))                             \
  ALL(SIGN, v > 0 ? (T)1 : v < 0 ? (T)-1 : v, (T)0, (v > 0) - (v < 0)) /* NaN stays NaN */           \
  ALL(FLOOR, __builtin_elementwise_floor(v), (T)0, v)                                                \
  ALL(ROUND, __builtin_elementwise_rint(v), (T)0, v)

/* Functions of two operands u and v; their gradients are tensor expressions.
   FLOATS(code, value), ALL(code, value, integers). In minimum and maximum NaN wins. */
#define KILPI_BINARY(FLOATS, ALL)                                                                    \
  ALL(ADD, u + v, (int64_t)((uint64_t)u + (uint64_t)v))                                              \
  ALL(SUBTRACT, u - v, (int64_t)((uint64_t)u - (uint64_t)v))                                         \
  ALL(MULTIPLY, u * v, (int64_t)((uint64_t)u * (uint64_t)v))                                         \
  FLOATS(DIVIDE, u / v)                                                                              \
  FLOATS(POWER, MATH(pow)(u, v))                                                                     \
  ALL(MINIMUM, u < v || u != u ? u : v, u < v ? u : v)                                               \
  ALL(MAXIMUM, u > v || u != u ? u : v, u > v ? u : v)                                               \
  ALL(FLOOR_DIVIDE, NAME(floor_quotient)(u, v), NAME(floor_quotient)(u, v))                          \
  ALL(REMAINDER, NAME(remainder)(u, v), NAME(remainder)(u, v))

#define KILPI_CODE_2(code, value) KILPI_##code,
#define KILPI_CODE_3(code, value, third) KILPI_##code,
#define KILPI_CODE_4(code, value, slope, integers) KILPI_##code,
typedef enum { KILPI_UNARY(KILPI_CODE_3, KILPI_CODE_3, KILPI_CODE_4) } kilpi_unary_code;
typedef enum { KILPI_BINARY(KILPI_CODE_2, KILPI_CODE_3) } kilpi_binary_code;
#undef KILPI_CODE_2
#undef KILPI_CODE_3
#undef KILPI_CODE_4

/* What a linear layer fuses: the FUSED rows, by the same numbers. */
#define KILPI_NO_CODE(code, ...)
#define KILPI_FUSED_CODE(code, value, slope) KILPI_FUSED_##code = KILPI_##code,
typedef enum { KILPI_UNARY(KILPI_NO_CODE, KILPI_FUSED_CODE, KILPI_NO_CODE) } kilpi_activation;
#undef KILPI_NO_CODE
#undef KILPI_FUSED_CODE
#endif
