/* Replies: what models write, and what is made of it. Any bytes give a permutation. */
#include "rerank/permutation.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 128 };

/* Reads a reply and says its first identifiers, from 1: "4 1 | ok 0, repeated 0, missing 3, out of range 0". */
static const char *reading(rrk_text reply, size_t n, size_t n_wanted)
{
    static char line[2048];
    uint32_t order[MOST];
    bool seen[MOST] = {false};
    rank_reply_counts c = {0};
    cr_assert_eq(rank_permutation_read(reply, n, n_wanted, order, &c, NULL), RRK_OK);
    cr_assert_eq(c.n_ok + c.n_malformed, 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        cr_assert(order[i] < n && !seen[order[i]], "not a permutation");
        seen[order[i]] = true;
        len += (size_t)snprintf(line + len, sizeof line - len, "%u ", order[i] + 1);
    }
    snprintf(line + len, sizeof line - len, "%s rep %d mis %d out %d", c.n_ok ? "ok" : "bad", (int)c.n_repeated,
             (int)c.n_missing, (int)c.n_out_of_range);
    return line;
}

typedef struct reply_case {
    const char *reply;
    size_t n;
    const char *expected;
} reply_case;

static const reply_case CASES[] = {
    {"[2] > [1] > [3]", 3, "2 1 3 ok rep 0 mis 0 out 0"},
    {"[2]>[1]>[3]", 3, "2 1 3 ok rep 0 mis 0 out 0"},
    {"Sure! [2] > [1] > [3]. Anything else?", 3, "2 1 3 ok rep 0 mis 0 out 0"},
    {"[rankstart] [2] > [1] > [3] [rankend]", 3, "2 1 3 ok rep 0 mis 0 out 0"},
    {"has 5 facts. [4] > [1]", 5, "4 1 2 3 5 bad rep 0 mis 3 out 0"},
    {"10\xc2\xb2 and \xef\xbc\x93: [\xc2\xb2] [\xef\xbc\x92] [3] > [1\xc2\xb2] > [2]", 3,
     "3 2 1 bad rep 0 mis 1 out 0"},
    {"\xc2\xb2 \xef\xbc\x93", 3, "1 2 3 bad rep 0 mis 3 out 0"},
    {"[[3]] > [[1]] > [[2]]", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"[1[3] > [2]", 3, "3 2 1 bad rep 0 mis 1 out 0"},
    {"passages [1-5]: [2] > [5]", 5, "2 5 1 3 4 bad rep 0 mis 3 out 0"},
    {"[3]-[1]", 3, "3 1 2 bad rep 0 mis 1 out 0"},
    {"[3, 1, 2]", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"{\"order\": [\n  3,\n  1,\n  2\n]}", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"[\"3\", \"1\", \"2\"]", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"[\"[3]\", \"[1]\", \"[2]\"]", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"[3 > 1 = 2]", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"[A] > [B]", 3, "1 2 3 bad rep 0 mis 3 out 0"},
    {"[B] > [3]", 3, "3 1 2 bad rep 0 mis 2 out 0"},
    {"[ 3 ] > [03] > [0001]", 3, "3 1 2 bad rep 1 mis 1 out 0"},
    {"[0] > [3] > [4]", 3, "3 1 2 bad rep 0 mis 2 out 2"},
    {"[+3] > [2] > [-1]", 3, "2 1 3 bad rep 0 mis 2 out 0"},
    {"**[3]** > **[1]** > [**2**]", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"1. [3]\n2. [1]\n3. [2]\n", 3, "3 1 2 ok rep 0 mis 0 out 0"},
    {"1. Passage 3\n2) Passage 1\n3: Passage 2", 3, "3 1 2 bad rep 0 mis 0 out 0"},
    {"3. \n1. \n2. \n", 3, "3 1 2 bad rep 0 mis 0 out 0"},
    {"3 > 1 > 2", 3, "3 1 2 bad rep 0 mis 0 out 0"},
    {"3>1>2", 3, "3 1 2 bad rep 0 mis 0 out 0"},
    {"3,1,2", 3, "3 1 2 bad rep 0 mis 0 out 0"},
    {"[PASSAGE3, PASSAGE1, PASSAGE2]", 3, "3 1 2 bad rep 0 mis 0 out 0"},
    {"the 2nd is 1.5 km off: 3", 3, "3 1 2 bad rep 0 mis 2 out 0"},
    {"[3] > 1 > 2", 3, "3 1 2 bad rep 0 mis 2 out 0"},
    {"[3] > [2", 3, "3 1 2 bad rep 0 mis 2 out 0"},
    {"[3", 3, "1 2 3 bad rep 0 mis 3 out 0"},
    {"[3, 2, 1", 3, "3 2 1 bad rep 0 mis 1 out 0"},
    {"", 3, "1 2 3 bad rep 0 mis 3 out 0"},
    {"[2]", 3, "2 1 3 bad rep 0 mis 2 out 0"},
    {"[2] > [2] > [3] > [2] > [1]", 3, "2 3 1 bad rep 2 mis 0 out 0"},
    {"[99] > [2] > [18446744073709551617] > [1] > [3]", 3, "2 1 3 bad rep 0 mis 0 out 2"},
    {"] [ ] [] [,] [2] ]]", 2, "2 1 bad rep 0 mis 1 out 0"},
    {"[1]", 1, "1 ok rep 0 mis 0 out 0"},
    {"", 0, "ok rep 0 mis 0 out 0"},
    {"[1]", 0, "bad rep 0 mis 0 out 1"},
};

Test(reply, is_read_as_the_table_says)
{
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        const reply_case *c = &CASES[i];
        cr_expect_str_eq(reading(rrk_text_of(c->reply), c->n, c->n), c->expected, "'%s'", c->reply);
    }
}

Test(reply, with_nul_and_bytes_that_are_no_utf8_is_read_around_them)
{
    static const char REPLY[] = "\0\xff[\0"
                                "1] \xc3[2]\xe2\x82[\xff] > [3]\0[1]";
    cr_assert_str_eq(reading((rrk_text){REPLY, sizeof REPLY - 1}, 3, 3), "2 3 1 ok rep 0 mis 0 out 0");
}

Test(reply, with_numbers_of_a_thousand_digits_drops_them)
{
    char reply[2100];
    memset(reply, '7', sizeof reply);
    reply[0] = '[';
    memcpy(reply + 1001, "] > [2] > [", 11);
    memcpy(reply + 2010, "] > [1]", 8);
    cr_assert_str_eq(reading(rrk_text_of(reply), 2, 2), "2 1 bad rep 0 mis 0 out 2");
    memset(reply, '0', 1000);
    memcpy(reply + 1000, "2 1", 4);
    cr_assert_str_eq(reading(rrk_text_of(reply), 2, 2), "2 1 bad rep 0 mis 0 out 0");
}

Test(reply, to_a_question_for_fewer_lacks_only_those_that_were_asked_for)
{
    cr_assert_str_eq(reading(rrk_text_of("[5] > [2]"), 5, 2), "5 2 1 3 4 ok rep 0 mis 0 out 0");
    cr_assert_str_eq(reading(rrk_text_of("[5] > [2] > [3]"), 5, 2), "5 2 3 1 4 ok rep 0 mis 0 out 0");
    cr_assert_str_eq(reading(rrk_text_of("[5]"), 5, 2), "5 1 2 3 4 bad rep 0 mis 1 out 0");
    cr_assert_str_eq(reading(rrk_text_of("[5] > [2]"), 5, 99), "5 2 1 3 4 bad rep 0 mis 3 out 0");
}

Test(reply, counts_add_up_over_replies)
{
    rank_reply_counts c = {0};
    uint32_t order[3];
    static const char *const REPLIES[] = {"[1] > [2] > [3]", "[9] > [1] > [1]", "no"};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(rank_permutation_read(rrk_text_of(REPLIES[i]), 3, 3, order, &c, NULL), RRK_OK);
    cr_assert(c.n_ok == 1 && c.n_malformed == 2 && c.n_repeated == 1 && c.n_missing == 5 && c.n_out_of_range == 1);
}

/* --- piece by piece --- */

Test(scan, an_identifier_is_complete_at_its_bracket_and_not_before)
{
    static const char REPLY[] = "by 9 facts: [12] > [3] > [12] > [44] > [ 4 ] 5";
    static const size_t COMPLETE_AT[] = {16, 22, 44}; /* bytes */
    rank_id_scan *scan;
    cr_assert_eq(rank_id_scan_new(&scan, 20, NULL), RRK_OK);
    for (size_t len = 0; len <= sizeof REPLY - 1; len++) {
        size_t n = 0;
        while (n < 3 && len >= COMPLETE_AT[n])
            n++;
        cr_assert_eq(rank_id_scan_feed(scan, (rrk_text){REPLY, len}), n, "%zu bytes", len);
    }
    cr_assert_eq(rank_id_scan_feed(scan, rrk_text_of("[1]")), 1, "a shorter answer is another one");
    rank_id_scan_reset(scan);
    cr_assert_eq(rank_id_scan_feed(scan, rrk_text_of("3, 2, 1")), 0, "bare numbers may go on");
    rank_id_scan_free(scan);
    rank_id_scan_free(NULL);
}

static size_t random_reply(uint64_t seed, uint64_t round, char *out, size_t room)
{
    static const char *const BITS[] = {"[",  "]",  "1", "2",  "3",    "17", "0",   " ", ", ", " > ", "[5]", "[10] > ",
                                       "\n", ". ", "-", "ab", "\xff", "é",  "1. ", "*", "\"", "[",   "]"};
    size_t len = 0, n = base_rng_at(seed, round * 1000) % 60;
    for (size_t i = 0; i < n; i++) {
        uint64_t pick = base_rng_at(seed, round * 1000 + i + 1);
        const char *bit = BITS[pick % RRK_COUNT(BITS)];
        bool any_byte = pick >> 32 & 1 && pick >> 33 & 1 && pick >> 34 & 1;
        if (len + strlen(bit) + 1 >= room)
            break;
        if (any_byte)
            out[len++] = (char)(pick >> 40);
        else
            len += (size_t)snprintf(out + len, room - len, "%s", bit);
    }
    return len;
}

/* How many identifiers of a reply were bracketed, as a whole reading has it. */
static size_t given(rrk_text reply, size_t n)
{
    uint32_t order[MOST];
    rank_reply_counts c = {0};
    cr_assert_eq(rank_permutation_read(reply, n, n, order, &c, NULL), RRK_OK);
    return n - c.n_missing;
}

Test(scan, any_bytes_give_a_permutation_and_pieces_the_same_as_the_whole)
{
    uint64_t seed = 20261124;
    cr_log_info("seed %llu", (unsigned long long)seed);
    char reply[512];
    for (uint64_t round = 0; round < 20000; round++) {
        size_t len = random_reply(seed, round, reply, sizeof reply), n = base_rng_at(seed, round) % 20;
        rrk_text text = {reply, len};
        reading(text, n, n);
        rank_id_scan *scan, *at_once;
        cr_assert_eq(rank_id_scan_new(&scan, n, NULL), RRK_OK);
        cr_assert_eq(rank_id_scan_new(&at_once, n, NULL), RRK_OK);
        size_t pieces = 0;
        for (size_t to = 0; to <= len; to += 1 + base_rng_at(seed, round + to) % 9)
            pieces = rank_id_scan_feed(scan, (rrk_text){reply, to});
        pieces = rank_id_scan_feed(scan, text);
        cr_assert_eq(pieces, rank_id_scan_feed(at_once, text), "round %d", (int)round);
        cr_assert(pieces == 0 || pieces == given(text, n), "round %d", (int)round);
        rank_id_scan_free(scan);
        rank_id_scan_free(at_once);
    }
}

/* A byte at a time: were it not linear, this would not end. */
Test(scan, ten_megabytes_take_linear_time, .timeout = 60)
{
    enum { LEN = 10 << 20 };
    static const char *const PATTERNS[] = {"[", "[1", "1 ", "[1,", "]", "[1]"};
    char *text = malloc(LEN);
    uint32_t order[20];
    for (size_t p = 0; p < RRK_COUNT(PATTERNS); p++) {
        size_t period = strlen(PATTERNS[p]);
        for (size_t i = 0; i < LEN; i++)
            text[i] = p == 3 ? (i == 0 ? '[' : i % 2 ? '1' : ',') : PATTERNS[p][i % period];
        rank_reply_counts c = {0};
        cr_assert_eq(rank_permutation_read((rrk_text){text, LEN}, 20, 20, order, &c, NULL), RRK_OK);
        rank_id_scan *scan;
        cr_assert_eq(rank_id_scan_new(&scan, 20, NULL), RRK_OK);
        for (size_t len = 1; len <= LEN; len++)
            rank_id_scan_feed(scan, (rrk_text){text, len});
        rank_id_scan_free(scan);
    }
    free(text);
}

/* --- recorded replies --- */

Test(reply, of_a_7b_model_as_recorded_is_read)
{
    char path[4096];
    const char *data = getenv("RRK_TEST_DATA");
    snprintf(path, sizeof path, "%s/dl19/trace.rankvicuna.jsonl", data ? data : "");
    FILE *file = fopen(path, "r");
    if (!file)
        cr_skip_test("no recorded replies: RRK_TEST_DATA has no dl19/trace.rankvicuna.jsonl");
    rank_reply_counts c = {0};
    char *line = NULL;
    size_t cap = 0, n_lines = 0;
    for (; getline(&line, &cap, file) > 0; n_lines++) {
        json_t *record = json_loads(line, 0, NULL);
        const char *response = json_string_value(json_object_get(record, "response"));
        uint32_t order[20];
        cr_assert_eq(rank_permutation_read(rrk_text_of(response), 20, 20, order, &c, NULL), RRK_OK);
        char first[16];
        snprintf(first, sizeof first, "[%u]", order[0] + 1);
        cr_assert_eq(strncmp(response, first, strlen(first)), 0);
        json_decref(record);
    }
    cr_log_info("%zu replies: %llu ok, %llu malformed", n_lines, (unsigned long long)c.n_ok,
                (unsigned long long)c.n_malformed);
    cr_assert_eq(n_lines, 387);
    cr_assert(c.n_ok == 387 && c.n_malformed == 0);
    free(line);
    fclose(file);
}
