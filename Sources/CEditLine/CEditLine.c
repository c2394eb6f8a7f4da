#include "CEditLine.h"
typedef int kilpi_CEditLine_placeholder;
