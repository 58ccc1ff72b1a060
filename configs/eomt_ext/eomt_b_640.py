_base_ = [
    '../_base_/models/eomt_b_640x640.py',
    '../_base_/datasets/cityscapes_640x640.py',
    '../_base_/schedules/eomt_19902.py',
    '../_base_/default_runtime.py',
]
