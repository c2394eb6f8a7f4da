#include "CLuaBridge.h"
typedef int kilpi_CLuaBridge_placeholder;
