// SPDX-License-Identifier: MIT
// The history of a server's timelines, as TIMELINE_HISTORY tells it (PostgreSQL chapter 55.4). Pure. Private to
// this room.
#ifndef ROWCAST_SOURCE_TIMELINES_H
#define ROWCAST_SOURCE_TIMELINES_H

#include "rowcast/event.h"

// Fills in the ancestors of `lineage->timeline`; of more than LINEAGE_MAX the newest. A line a timeline:
// number, position where it was left, reason; what is no such line, or out of order, is passed over.
void timelines_read(struct lineage *lineage, const char *text);

#endif
