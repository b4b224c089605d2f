// The compiled capture program is generated into this module.
