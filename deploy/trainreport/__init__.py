"""The report of a trained head: one HTML page that asks nothing of the net, and the same figures as JSON."""

from deploy.trainreport.page import write
from deploy.trainreport.summary import Summary, summarise

__all__ = ["Summary", "summarise", "write"]
