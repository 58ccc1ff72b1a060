_base_ = './eomt_b_640_pixel-head.py'

model = dict(decode_head=dict(use_features=False))
