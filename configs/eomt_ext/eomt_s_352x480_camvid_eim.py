_base_ = ['./eomt_s_352x480_camvid_ft.py', '../_base_/eim.py']

model = dict(decode_head=dict(query_losses=_base_.eim_losses))
