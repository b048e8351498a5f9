/* trec_eval's line, to the byte. */
#include "eval/report.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(report, lines_are_trec_evals)
{
    rrk_qrels *qrels;
    rrk_run *run;
    rrk_evaluation *evaluation;
    const char *metrics[] = {"nDCG@10", "num_q"};
    cr_assert(rrk_qrels_read(&qrels, scratch_text("q 0 d 1\n"), NULL) == RRK_OK);
    cr_assert(rrk_run_read(&run, scratch_text("q Q0 d 1 1 t\n"), NULL) == RRK_OK);
    cr_assert(rrk_evaluate(&evaluation, qrels, run, metrics, 2, NULL, NULL) == RRK_OK);
    char *text;
    size_t len;
    FILE *stream = open_memstream(&text, &len);
    eval_report_lines(stream, evaluation, 2, 0);
    fclose(stream);
    cr_assert_str_eq(text, "ndcg_cut_10           \tall\t1.0000\nnum_q                 \tall\t1\n");
    free(text);
    rrk_evaluation_free(evaluation);
    rrk_qrels_free(qrels);
    rrk_run_free(run);
}
