/* SHA-256 against the standard's own examples, and one block more or less around its padding. */
#include "base/sha256.h"
#include "base/macros.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* FIPS 180-2, appendix B, and the empty message. */
static const struct {
    const char *text, *hex;
} EXAMPLES[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

/* Of that many letters "a"; computed with Python's hashlib. */
static const struct {
    size_t len;
    const char *hex;
} AROUND_A_BLOCK[] = {
    {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
    {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
    {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
    {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
    {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
    {1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

Test(sha256, agrees_with_the_standards_examples)
{
    for (size_t i = 0; i < RRK_COUNT(EXAMPLES); i++) {
        char hex[BASE_SHA256_HEX_SIZE];
        base_sha256_hex(rrk_text_of(EXAMPLES[i].text), hex);
        cr_assert_str_eq(hex, EXAMPLES[i].hex);
    }
}

Test(sha256, pads_at_every_side_of_a_block)
{
    for (size_t i = 0; i < RRK_COUNT(AROUND_A_BLOCK); i++) {
        char hex[BASE_SHA256_HEX_SIZE];
        char *text = malloc(AROUND_A_BLOCK[i].len);
        memset(text, 'a', AROUND_A_BLOCK[i].len);
        base_sha256_hex((rrk_text){text, AROUND_A_BLOCK[i].len}, hex);
        cr_assert_str_eq(hex, AROUND_A_BLOCK[i].hex, "%zu letters", AROUND_A_BLOCK[i].len);
        free(text);
    }
}

Test(sha256, takes_no_data_and_nul_bytes)
{
    char none[BASE_SHA256_HEX_SIZE], one[BASE_SHA256_HEX_SIZE], two[BASE_SHA256_HEX_SIZE];
    base_sha256_hex((rrk_text){NULL, 0}, none);
    cr_assert_str_eq(none, EXAMPLES[0].hex);
    base_sha256_hex((rrk_text){"\0", 1}, one);
    base_sha256_hex((rrk_text){"\0\0", 2}, two);
    cr_assert_str_neq(one, two);
    cr_assert_str_neq(one, none);
}

Test(sha256, of_pieces_is_that_of_the_whole_wherever_it_is_cut)
{
    char text[200], whole[BASE_SHA256_HEX_SIZE], pieces[BASE_SHA256_HEX_SIZE];
    base_sha256 sha;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    base_sha256_hex((rrk_text){text, sizeof text}, whole);
    base_sha256_start(&sha);
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        base_sha256_add(&sha, text, cut);
        base_sha256_add(&sha, NULL, 0);
        base_sha256_add(&sha, text + cut, sizeof text - cut);
        base_sha256_end(&sha, pieces);
        cr_assert_str_eq(pieces, whole, "cut at %zu", cut);
    }
}

Test(sha256, goes_on_from_a_copy)
{
    char hex[BASE_SHA256_HEX_SIZE];
    base_sha256 sha, copy;
    base_sha256_start(&sha);
    base_sha256_add(&sha, "a", 1);
    copy = sha;
    base_sha256_add(&sha, "x", 1);
    base_sha256_add(&copy, "bc", 2);
    base_sha256_end(&copy, hex);
    cr_assert_str_eq(hex, EXAMPLES[1].hex);
}
