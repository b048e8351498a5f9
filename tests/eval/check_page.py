#!/usr/bin/env python3
"""check_page.py PRINT_PAGE | check_page.py --file PAGE: whether a page of rrk compare is what a browser and a screen
reader need: well-formed, without scripts and outside resources, ids unique and all references to them good, every plot
with a title and a description, everything drawn within its view box, the table's rows as wide as its head."""
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

HTML = "{http://www.w3.org/1999/xhtml}"
ALLOWED = set("html head meta title style body main h1 h2 p div table thead tbody tr th td span bdi figure figcaption svg "
              "desc line text path g dl dt dd".split())


def numbers(element, *names):
    return [float(element.get(n)) for n in names if element.get(n) is not None]


def check_plot(svg, ids):
    assert svg.get("role") == "img", "a plot without a role"
    for name in svg.get("aria-labelledby").split():
        assert ids[name].text, f"#{name} is empty"
    _, _, width, height = map(float, svg.get("viewBox").split())
    for element in svg.iter():
        for x in numbers(element, "x", "x1", "x2"):
            assert 0 <= x <= width, f"x {x} is outside the plot"
        for y in numbers(element, "y", "y1", "y2"):
            assert 0 <= y <= height, f"y {y} is outside the plot"
        moved = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
        if moved:
            assert 0 <= float(moved[1]) <= width and 0 <= float(moved[2]) <= height, "a mark is outside the plot"


def check(page):
    root = ET.fromstring(page)
    ids = {}
    for element in root.iter():
        tag = element.tag.replace(HTML, "")
        assert tag in ALLOWED, f"<{tag}> has no business here"
        for name in element.attrib:
            assert name not in ("src", "href", "style") and not name.startswith("on"), f"{name} on <{tag}>"
        if element.get("id"):
            assert element.get("id") not in ids, f"id {element.get('id')} comes twice"
            ids[element.get("id")] = element
    style = root.find(f"./{HTML}head/{HTML}style").text
    assert "url(" not in style and "@import" not in style
    assert "prefers-color-scheme: dark" in style
    plots = [svg for svg in root.iter(HTML + "svg") if svg.get("class") == "plot"]
    assert len(plots) == 2, f"{len(plots)} plots"
    for svg in plots:
        check_plot(svg, ids)
    groups, names = root.findall(f".//{HTML}thead/{HTML}tr")
    wide = sum(int(th.get("colspan", 1)) for th in groups)
    rows = root.findall(f".//{HTML}tbody/{HTML}tr")
    assert rows and len(names) == wide - 1, f"{len(names)} headings below {wide}"
    for row in rows:
        assert len(row) == wide, f"a row of {len(row)} cells below {wide} headings"
        assert row[0].get("scope") == "row"
    return len(rows)


def main(argv):
    if argv[1] == "--file":
        with open(argv[2], encoding="utf-8") as f:
            print(f"{argv[2]}: {check(f.read())} systems")
        return
    for which in ("plain", "hostile", "crowd"):
        page = subprocess.run([argv[1], which], check=True, stdout=subprocess.PIPE).stdout.decode("utf-8")
        print(f"{which}: {check(page)} systems")


if __name__ == "__main__":
    main(sys.argv)
