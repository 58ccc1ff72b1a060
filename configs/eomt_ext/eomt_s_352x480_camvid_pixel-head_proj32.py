_base_ = './eomt_s_352x480_camvid_pixel-head.py'

model = dict(decode_head=dict(feature_proj=32))
