#include "CKernels.h"
typedef int kilpi_CKernels_placeholder;
