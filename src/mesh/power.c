/* power.c: what calls on your own machines cost: the upstream's watts, for as long as an attempt takes, at the price of a
 * kilowatt-hour. What is not known (no watts, no price) stays unknown, and config check says so. A target with prices of its
 * own under `prices:` is charged by those. */
#include "mesh/mesh_priv.h"

bool power_is_known(const struct mesh *m, const struct target *t)
{
    return t->up->regime == REGIME_POWER && t->up->config->watts > 0 && m->config->electricity_nusd_kwh >= 0 && t->price_count == 0;
}

int64_t power_cost_of(const struct mesh *m, const struct target *t, int64_t busy_us)
{
    return power_cost(t->up->config->watts, busy_us, m->config->electricity_nusd_kwh);
}

void power_warnings(const struct mesh *m, struct buf *out)
{
    bool priced = m->config->electricity_nusd_kwh >= 0, any = false;
    for (int i = 0; i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        bool power = u->regime == REGIME_POWER;
        any |= power;
        if (power && priced && !u->config->watts)
            (void)buf_append_format(out, "upstream %.*s does not say its `watts`: what its calls cost in electricity stays unknown\n",
                                    STR_FMT(u->name));
        if (power && !priced && u->config->watts)
            (void)buf_append_format(out, "upstream %.*s says its `watts`, but there is no `electricity: { price: … }`: what its calls cost"
                                    " stays unknown\n", STR_FMT(u->name));
        if (!power && u->config->watts)
            (void)buf_append_format(out, "upstream %.*s says its `watts`, which count only under `regime: power`; its regime is %s\n",
                                    STR_FMT(u->name), regime_name(u->regime));
    }
    if (priced && !any)
        (void)buf_append_text(out, "electricity has a price, but no upstream runs on it (`regime: power`, or `place: home`)\n");
}

void power_explain(struct buf *out, const struct mesh *m, const struct target *t)
{
    enum { US_PER_HOUR = 60 * 60 * 1000000LL };
    if (!power_is_known(m, t)) {
        (void)buf_append_text(out, "your electricity (cost unknown)");
        return;
    }
    (void)buf_append_format(out, "%d W of your electricity, $ ", t->up->config->watts);
    (void)buf_append_scaled(out, power_cost_of(m, t, US_PER_HOUR), 9);
    (void)buf_append_text(out, " an hour of work");
}
