_base_ = './eomt_b_640_pixel-head.py'

model = dict(decode_head=dict(feature_proj=32))
