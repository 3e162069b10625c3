"""A profile as text, in the form of the summary that TFLite's ``benchmark_model`` prints."""

from __future__ import annotations

from collections import defaultdict

from pocketmatte.runtime.profile import Profile

_RULE = "=" * 30


def by_node_type(profile: Profile) -> list[dict[str, float | str]]:
    """Per kind of operator, slowest first: ``node_type``, ``count``, ``avg_ms``, ``percent``, ``cdf_percent``."""
    groups: dict[str, list[float]] = defaultdict(list)
    for operator in profile.operators:
        groups[operator.kind].append(operator.milliseconds)
    rows: list[dict[str, float | str]] = []
    reached = 0.0
    for kind, times in sorted(groups.items(), key=lambda item: -sum(item[1])):
        share = 100 * sum(times) / profile.total if profile.total else 0.0
        reached += share
        rows.append(
            {
                "node_type": kind,
                "count": len(times),
                "avg_ms": sum(times),
                "percent": share,
                "cdf_percent": reached,
            }
        )
    return rows


def slowest(profile: Profile, count: int = 10) -> list[dict[str, float | str]]:
    """The operators that take longest: ``node_type``, ``name``, ``avg_ms``, ``percent``, ``cdf_percent``."""
    rows: list[dict[str, float | str]] = []
    reached = 0.0
    for operator in sorted(profile.operators, key=lambda o: -o.milliseconds)[:count]:
        share = 100 * operator.milliseconds / profile.total if profile.total else 0.0
        reached += share
        rows.append(
            {
                "node_type": operator.kind,
                "name": operator.name,
                "avg_ms": operator.milliseconds,
                "percent": share,
                "cdf_percent": reached,
            }
        )
    return rows


def summary_text(profile: Profile, title: str) -> str:
    """The tables, and how far the operators' sum is from the time of the undivided network."""
    lines = [title, f"{_RULE} Top by Computation Time {_RULE}"]
    lines.append(f"\t{'[node type]':>24}\t{'[avg ms]':>9}\t{'[%]':>8}\t{'[cdf%]':>8}\t[Name]")
    for row in slowest(profile):
        lines.append(f"\t{row['node_type']:>24}\t{_figures(row)}\t{short(str(row['name']))}")
    lines += ["", f"{_RULE} Summary by node type {_RULE}"]
    lines.append(f"\t{'[Node type]':>24}\t{'[count]':>9}\t{'[avg ms]':>9}\t{'[%]':>8}\t{'[cdf %]':>8}\t[times called]")
    for row in by_node_type(profile):
        lines.append(f"\t{row['node_type']:>24}\t{row['count']:>9}\t{_figures(row)}\t{row['count']:>9}")
    off = 100 * (profile.total / profile.whole - 1) if profile.whole else 0.0
    lines += [
        "",
        f"{profile.rounds} runs, {len(profile.operators)} operators; {profile.method}",
        f"sum of the operators {profile.total:.3f} ms, undivided network {profile.whole:.3f} ms: {off:+.1f} %",
        *profile.notes,
    ]
    return "\n".join(lines)


def short(name: str) -> str:
    """The last three modules a tensor's name leads through: converters write them all, with their packages, and append
    the names of what was fused into it.
    """
    return "/".join(part.rsplit(".", 1)[-1] for part in name.split(";")[0].split("/")[-3:])


def _figures(row: dict[str, float | str]) -> str:
    return f"{row['avg_ms']:>9.3f}\t{row['percent']:>7.3f}%\t{row['cdf_percent']:>7.3f}%"
