/* Diagnostics for developers on stderr, off by default: FC_LOG=error|warn|info|debug. What a user must read
 * goes through return values and events instead. */
#ifndef FC_BASE_LOG_H
#define FC_BASE_LOG_H

#include "base/status.h"

typedef enum fc_log_level { FC_LOG_OFF, FC_LOG_ERROR, FC_LOG_WARN, FC_LOG_INFO, FC_LOG_DEBUG } fc_log_level;

void fc_log_set_level(fc_log_level level);
void fc_log_init_from_env(void);
void fc_log(fc_log_level level, const char *format, ...) FC_PRINTF(2, 3);

#endif
