"""Labels that people gave: files of them, the topic `labels`, and what counts where several people judged."""

from deploy.labels.counting import Counted, Judged, counted, last_of_each
from deploy.labels.files import LabelFile, read_file
from deploy.labels.problems import LabelsError
from deploy.labels.rows import Defaults

__all__ = ["Counted", "Defaults", "Judged", "LabelFile", "LabelsError", "counted", "last_of_each", "read_file"]
