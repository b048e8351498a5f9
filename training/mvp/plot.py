"""The log of a run as a picture: losses above, nDCG@10 of the lists that choose below. SVG, written by hand, so that
it needs nothing."""

import argparse
import json
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 720, 230, 56, 130, 28, 52
COLOURS = ("#1b6ca8", "#c8553d", "#3c8d40", "#8a5fb0", "#b8860b", "#4f6d7a", "#a23b72")


def smooth(values: list[float], weight: float = 0.9) -> list[float]:
    out: list[float] = []
    for value in values:
        out.append(value if not out else weight * out[-1] + (1 - weight) * value)
    return out


def read(path: Path) -> tuple[dict, dict]:
    losses: dict[str, list] = {}
    ndcg: dict[str, list] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        for name, value in row.get("loss", {}).items():
            losses.setdefault(name, []).append((row["step"], value))
        for name, value in row.get("ndcg", {}).items():
            if "." not in name:
                ndcg.setdefault(name, []).append((row["step"], value))
    for name, points in losses.items():
        losses[name] = list(zip([step for step, _ in points], smooth([value for _, value in points])))
    return losses, ndcg


def panel(title: str, lines: dict, top: int) -> list[str]:
    steps = [x for points in lines.values() for x, _ in points]
    values = [y for points in lines.values() for _, y in points]
    low, high, last = min(values), max(values), max(max(steps), 1)
    high += (high - low) * 0.05 or 0.1
    place = lambda x, y: (LEFT + (WIDTH - LEFT - RIGHT) * x / last, top + HEIGHT * (1 - (y - low) / (high - low)))
    out = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{title}</text>']
    for i in range(5):
        value = low + (high - low) * i / 4
        y = place(0, value)[1]
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    for i in range(5):
        x = place(last * i / 4, low)[0]
        out.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{last * i // 4}</text>')
    ends = sorted((place(*points[-1])[1], name) for name, points in lines.items())
    label_at: dict[str, float] = {}
    for y, name in ends:
        label_at[name] = max(y, max(label_at.values(), default=-99) + 14)
    for colour, (name, points) in zip(COLOURS, lines.items()):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*p) for p in points))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
                   f'<text x="{WIDTH - RIGHT + 8}" y="{label_at[name] + 4:.1f}" fill="{colour}">{name}</text>')
    return out


def picture(log: Path) -> str:
    losses, ndcg = read(log)
    rows = [*panel("loss, smoothed, by step", losses, TOP),
            *panel("nDCG@10 of the lists that choose, by step", ndcg, TOP + HEIGHT + GAP)]
    height = TOP + 2 * HEIGHT + GAP + 30
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="#fff"/>' + "\n".join(rows) + "</svg>\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("picture", type=Path, help="an SVG file")
    options = parser.parse_args()
    options.picture.write_text(picture(options.log))


if __name__ == "__main__":
    main()
