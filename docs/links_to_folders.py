"""A Sphinx extension: a link to a folder of the repository becomes its name, as code.

Links to pages become links of the site and links to files become downloads, both by MyST. A folder is neither, and
the site has no address of the code to send its reader to. Anything else that does not exist stays a warning.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class LinksToFolders(SphinxPostTransform):
    """Replaces links to folders, before MyST looks for their pages."""

    default_priority = 8

    def run(self, **kwargs: Any) -> None:
        """Of one page."""
        root = Path(self.env.srcdir)
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link["reftype"] != "myst":
                continue
            folder = (root / self.env.docname).parent / link["reftarget"]
            if folder.is_dir():
                name = folder.resolve().relative_to(root.resolve()).as_posix()
                text = link.astext()
                code = nodes.literal(name, name)
                link.replace_self([code] if text in (name, "") else [nodes.Text(f"{text} ("), code, nodes.Text(")")])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_post_transform(LinksToFolders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
