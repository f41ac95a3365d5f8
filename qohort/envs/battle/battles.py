"""The names of the battles, for whoever only lists them; `catalogue` has the battles."""

SMAC = (
    *("3m", "8m", "25m", "5m_vs_6m", "8m_vs_9m", "10m_vs_11m", "27m_vs_30m", "MMM", "MMM2"),
    *("2s3z", "3s5z", "3s5z_vs_3s6z", "3s_vs_3z", "3s_vs_4z", "3s_vs_5z", "1c3s5z", "2m_vs_1z"),
    *("corridor", "6h_vs_8z", "2s_vs_1sc", "so_many_baneling", "bane_vs_bane", "2c_vs_64zg"),
)
"""The maps of SMAC, in the order of its registry."""

SMACV2 = tuple(
    f"{race}_{sizes}"
    for race in ("protoss", "terran", "zerg")
    for sizes in ("5_vs_5", "10_vs_10", "20_vs_20", "10_vs_11", "20_vs_23")
)
"""The scenarios of SMACv2."""

BATTLES = SMAC + SMACV2
