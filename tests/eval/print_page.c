/* Prints one of the sample comparisons as a page, for check_page.py. */
#include "comparison_sample.h"

#include <string.h>

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "plain";
    eval_comparison_report report = strcmp(which, "hostile") == 0 ? sample_hostile_report()
                                    : strcmp(which, "crowd") == 0 ? sample_crowd()
                                                                  : sample_report();
    eval_comparison_page(stdout, &report);
    return 0;
}
