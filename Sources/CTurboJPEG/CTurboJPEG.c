#include "CTurboJPEG.h"
typedef int kilpi_CTurboJPEG_placeholder;
