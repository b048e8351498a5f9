/*
 * What an import reads: a BEIR line, an MS MARCO line or a text that is cut into passages, as the first byte says,
 * into a store whose transaction is rolled back afterwards, so that one input does not depend on those before it.
 *
 * Parser: store/import_beir.c store/import_msmarco.c store/import_text.c store/passages.c
 */
#include "fuzz.h"
#include "store/import.h"

#include <stdio.h>

static rrk_store *store_of_this_process(void)
{
    static rrk_store *store;
    if (!store) {
        char path[128];
        snprintf(path, sizeof path, "%s/store.db", fuzz_dir());
        FUZZ_CHECK(rrk_store_open(&store, path, NULL, NULL) == RRK_OK);
    }
    return store;
}

static rrk_status import(store_importer *importer, unsigned how, rrk_text text, rrk_error *err)
{
    store_place place = {"input", 1};
    if (how == 0)
        return store_import_beir_line(importer, place, text, err);
    if (how == 1)
        return store_import_msmarco_line(importer, place, text, err);
    return store_import_document(importer, "input", how == 2 ? "input.md" : "input.txt", text, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = fuzz_take(&data, &size, 1);
    store_importer importer = {.store = store_of_this_process()};
    rrk_import_options_init(&importer.options);
    importer.options.skip_bad = how & 4 ? 1 : 0;
    rrk_error err = {0};
    rrk_status status = import(&importer, how % 4, (rrk_text){(const char *)data, size}, &err);
    if (!importer.options.skip_bad)
        fuzz_check_error(status, &err);
    FUZZ_CHECK(importer.batch.n_added + importer.batch.n_updated + importer.batch.n_unchanged <= importer.stats.n_read);
    store_end(&importer.lease);
    return 0;
}
