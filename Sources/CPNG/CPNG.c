#include "CPNG.h"
typedef int kilpi_CPNG_placeholder;
