/* What every test program shares. */
#ifndef POWALLOC_TESTS_SUITE_H
#define POWALLOC_TESTS_SUITE_H

#include <check.h>
#include <math.h>
#include <powalloc/powalloc.h>
#include <stdlib.h>
#include <string.h>

/* As Check's, but nothing is written where they hold: it marks every one of them in a file, and loops have millions. */
#undef ck_assert
#undef ck_assert_msg
#define ck_assert(condition) ck_assert_msg(condition, "%s is false", #condition)
#define ck_assert_msg(condition, ...) ((condition) ? (void)0 : ck_abort_msg(__VA_ARGS__))

#define ok(call) ck_assert_msg((call) == PA_OK, "%s: %s", #call, pa_last_error())
/* The call fails with the status, and its message says `words`. */
#define fails(call, status, words)                                                                                  \
  do {                                                                                                              \
    pa_status got_ = (call);                                                                                        \
    ck_assert_msg(got_ == (status), "%s gave %s", #call, pa_status_name(got_));                                     \
    ck_assert_msg(strstr(pa_last_error(), words) != NULL, "%s said \"%s\", not %s", #call, pa_last_error(), words); \
  } while (0)
#define close_to(a, b, tolerance) \
  ck_assert_msg(fabs((a) - (b)) <= (tolerance), "%s is %.17g, %s is %.17g", #a, (double)(a), #b, (double)(b))

/* Runs a list of tests as one suite and ends with its failures. */
static inline int run_tests(const char *name, const TTest *const *tests) {
  Suite *suite = suite_create(name);
  for (; *tests; tests++) {
    TCase *tcase = tcase_create((*tests)->name);
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, *tests);
    suite_add_tcase(suite, tcase);
  }
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
