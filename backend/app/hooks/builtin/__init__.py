"""The hooks that come with StreamWeave."""

from typing import Any

from app.hooks.builtin.assign_access import AssignAccess
from app.hooks.builtin.bruker_metadata import BrukerMetadata
from app.hooks.builtin.check_manifest import CheckManifest
from app.hooks.builtin.file_filter import FileFilter
from app.hooks.builtin.hdf5_metadata import Hdf5Metadata
from app.hooks.builtin.http_call import HttpCall
from app.hooks.builtin.image_metadata import ImageMetadata
from app.hooks.builtin.microscopy_metadata import MicroscopyMetadata
from app.hooks.builtin.mzml_metadata import MzmlMetadata
from app.hooks.builtin.path_metadata import PathMetadata
from app.hooks.builtin.redirect import RedirectFiles
from app.hooks.builtin.scicat import Scicat
from app.hooks.builtin.sidecar_metadata import SidecarMetadata
from app.hooks.builtin.webhook import Webhook
from streamweave_sdk.hooks import Hook

BUILTIN: tuple[type[Hook[Any]], ...] = (
    FileFilter,
    RedirectFiles,
    PathMetadata,
    SidecarMetadata,
    AssignAccess,
    CheckManifest,
    Webhook,
    HttpCall,
    Scicat,
    Hdf5Metadata,
    ImageMetadata,
    BrukerMetadata,
    MzmlMetadata,
    MicroscopyMetadata,
)
