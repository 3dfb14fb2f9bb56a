"""Widgets: they draw rows that `view` made, and post messages. No SSH, no rules, no clock."""
