// libFuzzer as a library (llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library").

#include <stddef.h>
#include <stdint.h>

/// Runs the fuzzer with its own flags; calls `input` for each input, and returns its exit status.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*input)(const uint8_t *bytes, size_t count));
