/*
 * Tokens without a tokenizer. Byte-pair and unigram vocabularies differ, but all of them have common words whole, spell
 * out long and rare ones, and mostly take one token a digit and a punctuation mark. The weights are fitted to passages of
 * web text with tokenizers of Mistral (the one that needs most), GPT, Claude and DeepSeek; scripts other than Latin
 * to samples. Rather high than low: a prompt that is thought too long is cut, one that is too long is refused.
 */
#include "base/utf8.h"
#include "llm/llm.h"

/* Thousandths of a token. */
enum {
    WORD = 1250,        /* a word's first letters */
    SHORT_WORD = 3,     /* so many of them */
    LETTER = 130,       /* each further letter */
    CAPITAL = 400,      /* each letter after the first of a word in capitals */
    MARK = 1000,        /* digit, punctuation mark, line end */
    REPEATED_MARK = 300 /* the same again, as in a ruled line, and further blanks */
};
enum { TURN_TOKENS = 6, CHAT_TOKENS = 4 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static uint64_t of_word(const char *word, size_t len)
{
    size_t n_capitals = 0;
    for (size_t i = 0; i < len; i++)
        n_capitals += word[i] <= 'Z';
    if (n_capitals == len)
        return WORD + CAPITAL * (uint64_t)(len - 1);
    return WORD + (len > SHORT_WORD ? LETTER * (uint64_t)(len - SHORT_WORD) : 0);
}

/* One character above ASCII. Its neighbours are not looked at: the next vocabulary would join others. */
static uint64_t of_character(uint32_t c)
{
    static const struct {
        uint32_t end; /* the first character beyond */
        uint32_t cost;
    } SCRIPTS[] = {
        {0x370, 1000},   /* Latin letters with marks, IPA */
        {0x590, 620},    /* Greek, Cyrillic, Armenian */
        {0x780, 920},    /* Hebrew, Arabic, Syriac */
        {0x2000, 1300},  /* Indic scripts, Thai, Georgian, Ethiopic */
        {0x2e80, 1300},  /* punctuation, symbols */
        {0x10000, 1300}, /* Han, Kana, Hangul */
    };
    for (size_t i = 0; i < RRK_COUNT(SCRIPTS); i++) {
        if (c < SCRIPTS[i].end)
            return SCRIPTS[i].cost;
    }
    return 3200; /* emoji, and bytes that are no characters */
}

static uint64_t of_mark(rrk_text text, size_t at)
{
    char c = text.data[at];
    bool again = at && text.data[at - 1] == c && !(c >= '0' && c <= '9');
    if (c == ' ')
        return again ? REPEATED_MARK : 0; /* one blank is part of the word after it */
    return again ? REPEATED_MARK : MARK;
}

uint64_t llm_estimate_tokens(rrk_text text)
{
    uint64_t cost = 0;
    for (size_t at = 0; at < text.len;) {
        size_t start = at;
        while (at < text.len && is_letter(text.data[at]))
            at++;
        if (at > start)
            cost += of_word(text.data + start, at - start);
        else if ((unsigned char)text.data[at] < 0x80)
            cost += of_mark(text, at++);
        else
            cost += of_character(base_utf8_next(text.data, text.len, &at));
    }
    return (cost + 999) / 1000;
}

uint64_t llm_estimate_chat_tokens(const rrk_llm_message *messages, size_t n_messages)
{
    uint64_t n = CHAT_TOKENS;
    for (size_t i = 0; i < n_messages; i++)
        n += TURN_TOKENS + llm_estimate_tokens(messages[i].content);
    return n;
}
