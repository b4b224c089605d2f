/* The two tracepoints of nodes patched with 0xB10C's address manager tracepoints; they never had semaphores. */
SITE7(addrman, attempt_add, boolean, i32, i32, text, u32, text, u32)
SITE6(addrman, move_to_good, i32, i32, text, u32, text, u32)
