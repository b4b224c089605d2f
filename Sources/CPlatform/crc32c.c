#include "CPlatform.h"

#include <string.h>

/* Tables of the reflected polynomial 0x82f63b78, made on first use; racing threads write equal values. */
static uint32_t table[256];
static int table_ready;

static void make_table(void) {
    if (__atomic_load_n(&table_ready, __ATOMIC_ACQUIRE)) return;
    for (uint32_t index = 0; index < 256; index++) {
        uint32_t value = index;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78u : 0);
        table[index] = value;
    }
    __atomic_store_n(&table_ready, 1, __ATOMIC_RELEASE);
}

static uint32_t crc32c_table(uint32_t crc, const unsigned char *bytes, size_t length) {
    make_table();
    while (length--) crc = table[(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2")))
#define STEP64 _mm_crc32_u64
#define STEP8 _mm_crc32_u8
static int has_hardware(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define HARDWARE
#define STEP64(crc, word) __crc32cd((uint32_t)(crc), word)
#define STEP8 __crc32cb
static int has_hardware(void) { return 1; }
#endif

#ifdef HARDWARE
/* The instruction takes a cycle and gives its result after three: three lanes are computed at a time. As the checksum is
 * linear, a lane's is put in front of the next by what it becomes when as many zeros follow: a table by each byte. */
#define LANE 1024
static uint32_t behind_zeros[4][256];
static int behind_zeros_ready;

static void make_behind_zeros(void) {
    if (__atomic_load_n(&behind_zeros_ready, __ATOMIC_ACQUIRE)) return;
    static const unsigned char zeros[LANE];
    for (int byte = 0; byte < 4; byte++) {
        uint32_t *becomes = behind_zeros[byte];
        for (uint32_t value = 1; value < 256; value++) {
            uint32_t rest = value & (value - 1);
            becomes[value] = rest ? becomes[rest] ^ becomes[value ^ rest]
                                  : crc32c_table(value << (8 * byte), zeros, LANE);
        }
    }
    __atomic_store_n(&behind_zeros_ready, 1, __ATOMIC_RELEASE);
}

static uint32_t behind_lane(uint32_t crc) {
    return behind_zeros[0][crc & 0xff] ^ behind_zeros[1][crc >> 8 & 0xff] ^ behind_zeros[2][crc >> 16 & 0xff] ^
           behind_zeros[3][crc >> 24];
}

static uint64_t word_at(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

HARDWARE static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *bytes, size_t length) {
    if (length >= 3 * LANE) make_behind_zeros();
    while (length >= 3 * LANE) {
        uint64_t first = crc, second = 0, third = 0;
        for (int at = 0; at < LANE; at += 8) {
            first = STEP64(first, word_at(bytes + at));
            second = STEP64(second, word_at(bytes + LANE + at));
            third = STEP64(third, word_at(bytes + 2 * LANE + at));
        }
        crc = behind_lane(behind_lane((uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
        bytes += 3 * LANE;
        length -= 3 * LANE;
    }
    uint64_t wide = crc;
    while (length >= 8) {
        wide = STEP64(wide, word_at(bytes));
        bytes += 8;
        length -= 8;
    }
    crc = (uint32_t)wide;
    while (length--) crc = STEP8(crc, *bytes++);
    return crc;
}
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
