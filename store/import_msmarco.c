/* MS MARCO's collection.tsv: pid TAB text, the text being all that follows. */
#include "store/import.h"

#include <string.h>

rrk_status store_import_msmarco_line(store_importer *importer, store_place place, rrk_text line, rrk_error *err)
{
    const char *tab = memchr(line.data, '\t', line.len);
    if (!tab) {
        rrk_status status = base_fail(err, RRK_E_FORMAT, 0, "no tab between id and text");
        return store_import_bad(importer, place, status, err);
    }
    size_t id_len = (size_t)(tab - line.data);
    rrk_passage passage = {.id = {line.data, id_len}, .text = {tab + 1, line.len - id_len - 1}};
    return store_import_add(importer, place, &passage, err);
}
