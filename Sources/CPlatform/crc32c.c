#include "CPlatform.h"

#include <string.h>

/* Table of the reflected polynomial 0x82f63b78, made on first use; racing threads write equal values. */
static uint32_t table[256];
static int table_ready;

static uint32_t crc32c_table(uint32_t crc, const unsigned char *bytes, size_t length) {
    if (!__atomic_load_n(&table_ready, __ATOMIC_ACQUIRE)) {
        for (uint32_t index = 0; index < 256; index++) {
            uint32_t value = index;
            for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78u : 0);
            table[index] = value;
        }
        __atomic_store_n(&table_ready, 1, __ATOMIC_RELEASE);
    }
    while (length--) crc = table[(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *bytes,
                                                                  size_t length) {
    uint64_t wide = crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
        bytes += 8;
        length -= 8;
    }
    crc = (uint32_t)wide;
    while (length--) crc = _mm_crc32_u8(crc, *bytes++);
    return crc;
}
static int has_hardware(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *bytes, size_t length) {
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __crc32cd(crc, word);
        bytes += 8;
        length -= 8;
    }
    while (length--) crc = __crc32cb(crc, *bytes++);
    return crc;
}
static int has_hardware(void) { return 1; }
#else
static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *bytes, size_t length) {
    return crc32c_table(crc, bytes, length);
}
static int has_hardware(void) { return 0; }
#endif

uint32_t ps_crc32c(uint32_t crc, const void *bytes, size_t length) {
    crc = ~crc;
    crc = has_hardware() ? crc32c_hardware(crc, bytes, length) : crc32c_table(crc, bytes, length);
    return ~crc;
}
