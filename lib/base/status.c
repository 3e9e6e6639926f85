#include "base.h"

#include <stdarg.h>
#include <stdio.h>

#define PA_TEXT_(x) #x
#define PA_TEXT(x) PA_TEXT_(x)

static _Thread_local char last_error[512];
static _Thread_local unsigned failures;

uint32_t pa_version(void) { return PA_VERSION; }

const char *pa_version_text(void) {
  return PA_TEXT(PA_VERSION_MAJOR) "." PA_TEXT(PA_VERSION_MINOR) "." PA_TEXT(PA_VERSION_PATCH);
}

const char *pa_status_name(pa_status status) {
  switch (status) {
#define NAME(code) \
  case code:       \
    return #code;
    NAME(PA_OK)
    NAME(PA_STOPPED)
    NAME(PA_INFEASIBLE)
    NAME(PA_ERROR_ARGUMENT)
    NAME(PA_ERROR_MEMORY)
    NAME(PA_ERROR_WORKSPACE)
    NAME(PA_ERROR_FILE)
    NAME(PA_ERROR_FORMAT)
    NAME(PA_ERROR_CALLBACK)
    NAME(PA_ERROR_NUMERIC)
    NAME(PA_ERROR_STATE)
#undef NAME
  default:
    return "unknown status";
  }
}

const char *pa_last_error(void) { return last_error; }

unsigned pa__failures(void) { return failures; }

pa_status pa__fail(pa_status status, const char *format, ...) {
  va_list arguments;
  failures++;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return status;
}
