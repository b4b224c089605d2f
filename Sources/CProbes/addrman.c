/* No semaphores here: this has to be a translation unit of its own. */
#define SITE_LINKAGE __attribute__((visibility("hidden")))
#include "site.h"

#include "addrman.h"
