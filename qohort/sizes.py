"""Numbers of bytes as people read them."""


def size(count: int | float) -> str:
    """In the largest unit of which there is one."""
    value, unit = float(count), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{count:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
