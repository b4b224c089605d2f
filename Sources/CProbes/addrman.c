/* No semaphores here: this has to be a translation unit of its own. */
#include "site.h"

#include "addrman.h"
