/*
 * rrk's own prompts, in the two shapes that models are used to. They are apart so that wording can be read and argued
 * about without the code around it; a change changes the templates' hashes, and with them every cached reply.
 */
#include "rerank/template.h"

#include <string.h>

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        .present = true, .text = { literal, sizeof(literal) - 1 }                                                      \
    }

#define SYSTEM "You are a careful judge of search results: you decide which passages answer a query best."
#define ONLY_THAT "Give each of them once, joined by \" > \", as in {example}. Write nothing else."
#define ALL                                                                                                            \
    "Now order all {num} passages, from the one that answers this query best to the one that answers it least: "       \
    "{query}\nReply with the identifiers of all {num} passages. " ONLY_THAT
#define FEWER                                                                                                          \
    "Now choose the {wanted} of these {num} passages that answer this query best, and order them, the best "           \
    "one first: {query}\nReply with the identifiers of those {wanted} passages. " ONLY_THAT

const char RANK_FEWER_SENTENCE[] = "\nReply with the identifiers of the best {wanted} passages only, and leave out the "
                                   "others.";

static const rank_template ONE_TURN = {
    .parts =
        {
            [RANK_PART_SYSTEM] = TEXT(SYSTEM),
            [RANK_PART_PREFIX] = TEXT("Query: {query}\n\nHere are {num} passages for it, one a line, each behind its "
                                      "identifier, a number in square brackets:\n\n"),
            [RANK_PART_BODY] = TEXT("[{rank}] {candidate}\n"),
            [RANK_PART_SUFFIX] = TEXT("\n" ALL),
            [RANK_PART_SUFFIX_FEWER] = TEXT("\n" FEWER),
        },
};

static const rank_template CHAT = {
    .parts =
        {
            [RANK_PART_SYSTEM] = TEXT(SYSTEM),
            [RANK_PART_PREFIX] =
                TEXT("My query: {query}\nI am going to send {num} passages for it, one a message, each "
                     "behind its identifier, a number in square brackets. Wait until you have them all."),
            [RANK_PART_PREFIX_ASSISTANT] = TEXT("Understood. I am waiting for {num} passages."),
            [RANK_PART_BODY] = TEXT("[{rank}] {candidate}"),
            [RANK_PART_BODY_ASSISTANT] = TEXT("Read: [{rank}]."),
            [RANK_PART_SUFFIX] = TEXT("That was the last one. " ALL),
            [RANK_PART_SUFFIX_FEWER] = TEXT("That was the last one. " FEWER),
        },
};

const rank_template *rank_template_builtin(const char *name)
{
    if (strcmp(name, "one-turn") == 0)
        return &ONE_TURN;
    if (strcmp(name, "chat") == 0)
        return &CHAT;
    return NULL;
}
