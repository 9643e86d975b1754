// SPDX-License-Identifier: MIT
// Positions in a write-ahead log, as PostgreSQL writes them: 0/16B3748. Pure.
#ifndef ROWCAST_LSN_H
#define ROWCAST_LSN_H

#include <stdint.h>

// Two numbers of 1 to 8 hexadecimal digits. 0, or -EINVAL.
int lsn_parse(const char *text, uint64_t *lsn);

// Behind a page's head the next record begins; but the log is written, and its stream comes, up to the
// page before. Gives the page's beginning for a position in or right behind its head, else the position.
// `page`: bytes of a page; 0: not known.
#define LSN_USUAL_PAGE 8192
uint64_t lsn_before_page_head(uint64_t lsn, uint64_t page);

#endif
