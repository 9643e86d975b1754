// SPDX-License-Identifier: MIT
// How many clients each address has.
#include "rowcast/quota.h"

#include <string.h>

#define HOST_BYTES 8 // of an IPv6 address, behind the network's

void quota_init(struct quota *quota, uint32_t maximum)
{
    uv_mutex_init(&quota->lock);
    map_init(&quota->counts);
    quota->maximum = maximum;
}

void quota_release(struct quota *quota)
{
    map_release(&quota->counts);
    uv_mutex_destroy(&quota->lock);
}

static struct ip key_of(const struct ip *address)
{
    struct ip key = *address;

    if (!ip_is_v4(address))
        memset(key.bytes + IP_BYTES - HOST_BYTES, 0, HOST_BYTES);
    return key;
}

bool quota_enter(struct quota *quota, const struct ip *address)
{
    if (quota->maximum == 0)
        return true;
    struct ip key = key_of(address);
    uv_mutex_lock(&quota->lock);
    uint64_t *count = map_get(&quota->counts, &key, sizeof key);
    bool free = count == NULL || *count < quota->maximum;
    if (count == NULL)
        map_put(&quota->counts, &key, sizeof key, 1);
    else if (free)
        ++*count;
    uv_mutex_unlock(&quota->lock);
    return free;
}

void quota_leave(struct quota *quota, const struct ip *address)
{
    if (quota->maximum == 0)
        return;
    struct ip key = key_of(address);
    uv_mutex_lock(&quota->lock);
    uint64_t *count = map_get(&quota->counts, &key, sizeof key);
    if (count != NULL && --*count == 0)
        map_remove(&quota->counts, &key, sizeof key);
    uv_mutex_unlock(&quota->lock);
}
