/* MS MARCO's collection.tsv: pid, a tab, the text. */
#include "store/import.h"

#include <string.h>

rrk_status store_import_msmarco_line(store_import *import, rrk_text line, const char *place, rrk_error *err)
{
    const char *tab = memchr(line.data, '\t', line.len);
    if (!tab || tab == line.data) {
        rrk_status status = base_fail(err, RRK_E_FORMAT, 0, "%s: expected an id, a tab and a text", place);
        return store_import_bad(import, status, err);
    }
    rrk_passage passage = {
        .id = {line.data, (size_t)(tab - line.data)},
        .text = {tab + 1, line.len - (size_t)(tab - line.data) - 1},
    };
    return store_import_add(import, &passage, place, err);
}
