/*
 * RankLLM's template files (YAML): see rank_template_parse() in prompt.h for the format. Events of libyaml are taken
 * one by one, and whatever is no scalar in the one mapping is refused where it begins: nothing nests, nothing is
 * expanded.
 */
#include "base/alloc.h"
#include "base/text.h"
#include "base/utf8.h"
#include "rerank/template.h"

#include <string.h>
#include <yaml.h>

typedef enum method { METHOD_SINGLE = 1, METHOD_MULTI = 2, METHOD_ANY = 3 } method;

static const char *const METHOD_NAMES[] = {
    [METHOD_SINGLE] = "singleturn_listwise",
    [METHOD_MULTI] = "multiturn_listwise",
};

typedef struct key {
    const char *name;
    method methods;        /* that have it */
    method required_by;    /* 0: none */
    rank_part part;        /* RANK_N_PARTS: none */
    unsigned allowed;      /* placeholders */
    unsigned must_contain; /* placeholders */
} key;

enum {
    KEY_METHOD,
    KEY_BODY = 3,
    KEY_BODY_USER,
    KEY_PREFIX_USER,
    KEY_PREFIX_ASSISTANT,
    KEY_BODY_ASSISTANT,
    KEY_SUFFIX_USER
};

static const key KEYS[] = {
    [KEY_METHOD] = {"method", METHOD_ANY, METHOD_ANY, RANK_N_PARTS, 0, 0},
    {"output_validation_regex", METHOD_ANY, METHOD_ANY, RANK_N_PARTS, 0, 0},
    {"output_extraction_regex", METHOD_ANY, METHOD_ANY, RANK_N_PARTS, 0, 0},
    [KEY_BODY] = {"body", METHOD_SINGLE, METHOD_SINGLE, RANK_PART_BODY, RANK_FIELDS_OF_BODY, RANK_FIELDS_OF_BODY},
    [KEY_BODY_USER] = {"body_user", METHOD_MULTI, METHOD_MULTI, RANK_PART_BODY, RANK_FIELDS_OF_BODY,
                       RANK_FIELDS_OF_BODY},
    [KEY_PREFIX_USER] = {"prefix_user", METHOD_MULTI, 0, RANK_PART_PREFIX, RANK_FIELDS_OF_QUERY, 0},
    [KEY_PREFIX_ASSISTANT] = {"prefix_assistant", METHOD_MULTI, 0, RANK_PART_PREFIX_ASSISTANT, RANK_FIELDS_OF_QUERY, 0},
    [KEY_BODY_ASSISTANT] = {"body_assistant", METHOD_MULTI, 0, RANK_PART_BODY_ASSISTANT, 1u << RANK_FIELD_RANK, 0},
    [KEY_SUFFIX_USER] = {"suffix_user", METHOD_MULTI, 0, RANK_PART_SUFFIX, RANK_FIELDS_OF_QUERY, 0},
    {"prefix", METHOD_SINGLE, 0, RANK_PART_PREFIX, RANK_FIELDS_OF_QUERY, 0},
    {"suffix", METHOD_SINGLE, 0, RANK_PART_SUFFIX, RANK_FIELDS_OF_QUERY, 0},
    {"system_message", METHOD_ANY, 0, RANK_PART_SYSTEM, 0, 0},
};

enum { N_KEYS = RRK_COUNT(KEYS), UNKNOWN_SIZE = 48, ESCAPES_GROW_BY = 2 };

typedef struct value {
    size_t line; /* of the key; 0: not in the file */
    size_t start, len;
} value;

typedef struct loader {
    yaml_parser_t parser;
    rrk_text text;
    const char *name;
    value values[N_KEYS];
    base_buf texts;
    size_t mapping_line;
    size_t unknown_line; /* of the first key that no method has; 0: none. Told after a wrong method is */
    char unknown[UNKNOWN_SIZE];
} loader;

static void loader_free(loader *l)
{
    yaml_parser_delete(&l->parser);
    base_buf_free(&l->texts);
}

/* --- events --- */

static size_t line_at(rrk_text text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text.data[i] == '\n';
    return line;
}

static size_t line_of(const yaml_event_t *event)
{
    return event->start_mark.line + 1;
}

static rrk_status next_event(loader *l, yaml_event_t *event, rrk_error *err)
{
    if (yaml_parser_parse(&l->parser, event))
        return RRK_OK;
    if (l->parser.error == YAML_MEMORY_ERROR)
        return base_fail_nomem(err, 0);
    if (l->parser.error == YAML_READER_ERROR)
        l->parser.problem_mark.line = line_at(l->text, RRK_MIN(l->parser.problem_offset, l->text.len)) - 1;
    return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: %s", l->name, l->parser.problem_mark.line + 1, l->parser.problem);
}

static rrk_status expect(loader *l, yaml_event_type_t type, const char *otherwise, size_t *line, rrk_error *err)
{
    yaml_event_t event RRK_AUTO(yaml_event_delete) = {0};
    RRK_TRY(next_event(l, &event, err));
    *line = line_of(&event);
    if (event.type != type)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: %s", l->name, *line, otherwise);
    return RRK_OK;
}

/* A text without anchor and without a tag that would make it something else. */
static rrk_status check_scalar(const loader *l, const yaml_event_t *event, rrk_error *err)
{
    const char *why = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        why = "aliases are not taken";
    else if (event->type != YAML_SCALAR_EVENT)
        why = "a key and its value must be plain texts, not lists or mappings";
    else if (event->data.scalar.anchor)
        why = "anchors are not taken";
    else if (event->data.scalar.tag && strcmp((const char *)event->data.scalar.tag, YAML_STR_TAG) != 0)
        why = "tags are not taken";
    return why ? base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: %s", l->name, line_of(event), why) : RRK_OK;
}

/* --- the mapping --- */

static size_t find_key(rrk_text name)
{
    size_t i = 0;
    while (i < N_KEYS && !base_text_equals(name, rrk_text_of(KEYS[i].name)))
        i++;
    return i;
}

static rrk_text scalar_text(const yaml_event_t *event)
{
    return (rrk_text){(const char *)event->data.scalar.value, event->data.scalar.length};
}

static rrk_status take_key(loader *l, const yaml_event_t *event, size_t *k, rrk_error *err)
{
    RRK_TRY(check_scalar(l, event, err));
    rrk_text name = scalar_text(event);
    *k = find_key(name);
    if (*k < N_KEYS && l->values[*k].line)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: key '%s' is there twice, first in line %zu", l->name,
                         line_of(event), KEYS[*k].name, l->values[*k].line);
    if (*k < N_KEYS) {
        l->values[*k].line = line_of(event);
    } else if (!l->unknown_line) {
        l->unknown_line = line_of(event);
        size_t len = base_utf8_cut(name.data, name.len, UNKNOWN_SIZE - 1);
        memcpy(l->unknown, name.data, len);
    }
    return RRK_OK;
}

static rrk_status take_value(loader *l, const yaml_event_t *event, size_t k, rrk_error *err)
{
    RRK_TRY(check_scalar(l, event, err));
    if (k == N_KEYS)
        return RRK_OK;
    rrk_text text = scalar_text(event);
    l->values[k].start = l->texts.len;
    l->values[k].len = text.len;
    return base_buf_append(&l->texts, text.data, text.len, err);
}

/* One key with its value, or the mapping's end. */
static rrk_status read_pair(loader *l, bool *more, rrk_error *err)
{
    yaml_event_t name RRK_AUTO(yaml_event_delete) = {0}, content RRK_AUTO(yaml_event_delete) = {0};
    RRK_TRY(next_event(l, &name, err));
    *more = name.type != YAML_MAPPING_END_EVENT;
    if (!*more)
        return RRK_OK;
    size_t k;
    RRK_TRY(take_key(l, &name, &k, err));
    RRK_TRY(next_event(l, &content, err));
    return take_value(l, &content, k, err);
}

static rrk_status read_mapping(loader *l, rrk_error *err)
{
    static const char NO_MAPPING[] = "not a template: there is no mapping of keys to texts";
    size_t line;
    RRK_TRY(expect(l, YAML_STREAM_START_EVENT, NO_MAPPING, &line, err));
    RRK_TRY(expect(l, YAML_DOCUMENT_START_EVENT, NO_MAPPING, &line, err));
    yaml_event_t event RRK_AUTO(yaml_event_delete) = {0};
    RRK_TRY(next_event(l, &event, err));
    l->mapping_line = line_of(&event);
    if (event.type != YAML_MAPPING_START_EVENT)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: %s", l->name, l->mapping_line, NO_MAPPING);
    if (event.data.mapping_start.anchor || event.data.mapping_start.tag)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: anchors and tags are not taken", l->name, l->mapping_line);
    for (bool more = true; more;)
        RRK_TRY(read_pair(l, &more, err));
    RRK_TRY(expect(l, YAML_DOCUMENT_END_EVENT, "something follows the mapping", &line, err));
    return expect(l, YAML_STREAM_END_EVENT, "a second document begins", &line, err);
}

/* --- what it says --- */

static rrk_text value_text(const loader *l, size_t k)
{
    return l->values[k].line ? (rrk_text){l->texts.data + l->values[k].start, l->values[k].len} : (rrk_text){0};
}

static rrk_status read_method(const loader *l, method *out, rrk_error *err)
{
    rrk_text text = value_text(l, KEY_METHOD);
    size_t line = l->values[KEY_METHOD].line;
    if (!line)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: key 'method' is missing", l->name, l->mapping_line);
    for (*out = METHOD_SINGLE; *out <= METHOD_MULTI; ++*out) {
        if (base_text_equals(text, rrk_text_of(METHOD_NAMES[*out])))
            return RRK_OK;
    }
    return base_fail(err, RRK_E_UNSUPPORTED, 0,
                     "%s:%zu: method '%.*s' is neither 'singleturn_listwise' nor 'multiturn_listwise'", l->name, line,
                     (int)RRK_MIN(text.len, (size_t)UNKNOWN_SIZE), text.data);
}

static rrk_status check_keys(const loader *l, method m, rrk_error *err)
{
    if (l->unknown_line)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: unknown key '%s'", l->name, l->unknown_line, l->unknown);
    for (size_t k = 0; k < N_KEYS; k++) {
        size_t line = l->values[k].line;
        if (line && !(KEYS[k].methods & m))
            return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: method '%s' has no key '%s'", l->name, line,
                             METHOD_NAMES[m], KEYS[k].name);
        if (!line && KEYS[k].required_by & m)
            return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: key '%s' is missing", l->name, l->mapping_line,
                             KEYS[k].name);
    }
    return RRK_OK;
}

/* User's and assistant's turns must alternate, and the user's is the last one, or there is nothing to answer. */
static rrk_status check_turns(const loader *l, rrk_error *err)
{
    bool prefix = l->values[KEY_PREFIX_USER].line, prefix_answer = l->values[KEY_PREFIX_ASSISTANT].line;
    bool body_answer = l->values[KEY_BODY_ASSISTANT].line;
    const char *why = NULL;
    if (!prefix_answer && !body_answer)
        why = "a multi-turn template has 'prefix_assistant', 'body_assistant' or both";
    else if (prefix_answer && !prefix)
        why = "'prefix_assistant' answers nothing: key 'prefix_user' is missing";
    else if (body_answer && prefix && !prefix_answer)
        why = "nothing answers 'prefix_user': key 'prefix_assistant' is missing";
    else if (body_answer && !l->values[KEY_SUFFIX_USER].len)
        why = "nothing follows the last 'body_assistant': key 'suffix_user' is missing or empty";
    return why ? base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: %s", l->name, l->mapping_line, why) : RRK_OK;
}

static const char *first_of(unsigned fields)
{
    return rank_field_name((rank_field)__builtin_ctz(fields));
}

static rrk_status check_format(const loader *l, size_t k, unsigned *fields, rrk_error *err)
{
    *fields = 0;
    size_t line = l->values[k].line;
    if (!line || KEYS[k].part == RANK_N_PARTS || KEYS[k].part == RANK_PART_SYSTEM)
        return RRK_OK;
    rrk_status status = rank_format_check(value_text(l, k), fields, err);
    if (status != RRK_OK)
        base_error_prefix(err, "%s:%zu: key '%s'", l->name, line, KEYS[k].name);
    RRK_TRY(status);
    if (*fields & ~KEYS[k].allowed)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: key '%s' cannot have {%s}", l->name, line, KEYS[k].name,
                         first_of(*fields & ~KEYS[k].allowed));
    unsigned lacks = KEYS[k].must_contain & ~*fields;
    if (lacks)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: key '%s' lacks {%s}", l->name, line, KEYS[k].name,
                         first_of(lacks));
    return RRK_OK;
}

static rrk_status check_content(const loader *l, rrk_error *err)
{
    method m = METHOD_ANY;
    RRK_TRY(read_method(l, &m, err));
    RRK_TRY(check_keys(l, m, err));
    if (m == METHOD_MULTI)
        RRK_TRY(check_turns(l, err));
    unsigned all = 0;
    for (size_t k = 0; k < N_KEYS; k++) {
        unsigned fields;
        RRK_TRY(check_format(l, k, &fields, err));
        all |= fields;
    }
    if (!(all & 1u << RANK_FIELD_QUERY))
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: no key has {query}", l->name, l->mapping_line);
    return RRK_OK;
}

/* --- the whole --- */

static rrk_status make_template(loader *l, rank_template **out, rrk_error *err)
{
    rank_template *t = base_calloc(1, sizeof *t);
    if (!t)
        return base_fail_nomem(err, sizeof *t);
    for (size_t k = 0; k < N_KEYS; k++) {
        if (l->values[k].line && KEYS[k].part != RANK_N_PARTS)
            t->parts[KEYS[k].part] = (rank_template_part){true, value_text(l, k)};
    }
    t->parts[RANK_PART_SUFFIX_FEWER] = (rank_template_part){true, rrk_text_of(RANK_FEWER_SENTENCE)};
    t->suffix_goes_on = true;
    t->memory = RRK_STEAL(l->texts.data);
    *out = t;
    return RRK_OK;
}

rrk_status rank_template_parse(rank_template **out, rrk_text text, const char *name, rrk_error *err)
{
    static const char MARK[] = "\xef\xbb\xbf";
    if (text.len > RANK_TEMPLATE_MAX_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "%s:1: %zu bytes, and a template has at most %zu", name, text.len,
                         RANK_TEMPLATE_MAX_BYTES);
    size_t bad_at;
    if (!base_utf8_valid(text.data, text.len, &bad_at))
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: not UTF-8 at byte %zu of the file", name, line_at(text, bad_at),
                         bad_at);
    size_t skipped = text.len >= 3 && memcmp(text.data, MARK, 3) == 0 ? 3 : 0;
    loader l RRK_AUTO(loader_free) = {.name = name, .texts.max = ESCAPES_GROW_BY * RANK_TEMPLATE_MAX_BYTES};
    l.text = text.len ? (rrk_text){text.data + skipped, text.len - skipped} : rrk_text_of("");
    if (!yaml_parser_initialize(&l.parser))
        return base_fail_nomem(err, sizeof l.parser);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)l.text.data, l.text.len);
    RRK_TRY(read_mapping(&l, err));
    RRK_TRY(check_content(&l, err));
    return make_template(&l, out, err);
}
